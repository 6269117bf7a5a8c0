"""The rows that every table of the contract has of made-up data, counted with plain Python.

The rules are those of the tables' descriptions. The counts use none of the SQL that they are there to check.
"""

from collections import Counter

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.errors import StediError
from stedi_assets.landing.sample_population import Replica


def count_rows(replica: Replica) -> dict[str, int]:
    """Counts the rows that each table has of one replica.

    Replicas share no customer and no instant, so their counts add up to the counts of all data.

    Returns:
        From a table of the contract to its number of rows. A quarantine, which stays empty, is left out.

    Raises:
        StediError: The contract has a table without a rule here.
    """
    counts = _count_landed(replica) | _count_selected(replica)
    quarantines = {source.quarantine for source in SOURCES.values()}
    tables = [name for name in TABLES if name not in quarantines]
    uncounted = [name for name in tables if name not in counts]
    if uncounted:
        raise StediError(
            f"The sample data has no expected count of {', '.join(uncounted)}.",
            "Add its rule to _count_selected in stedi_assets/landing/sample_counts.py.",
        )
    return {name: counts[name] for name in tables}


def _count_landed(replica: Replica) -> dict[str, int]:
    return {
        "customer_landing": len(replica.customers),
        "accelerometer_landing": len(replica.phone_readings),
        "step_trainer_landing": len(replica.device_readings),
    }


def _count_selected(replica: Replica) -> dict[str, int]:
    # A customer has one record, so that no later one withdraws the consent.
    customer_trusted = [customer for customer in replica.customers if customer.get("shareWithResearchAsOfDate")]
    emails = {customer["email"] for customer in customer_trusted}
    accelerometer_trusted = [reading for reading in replica.phone_readings if reading.user in emails]
    users = {reading.user for reading in accelerometer_trusted}
    customer_curated = [customer for customer in customer_trusted if customer["email"] in users]
    serial_numbers = {customer["serialNumber"] for customer in customer_curated}
    step_trainer_trusted = [reading for reading in replica.device_readings if reading.serial_number in serial_numbers]
    phone_readings_at = Counter(reading.instant for reading in accelerometer_trusted)
    owners = {customer["serialNumber"]: str(customer["email"]) for customer in customer_curated}
    consents = {customer["email"]: int(customer["shareWithResearchAsOfDate"]) for customer in customer_curated}
    consented_phone_readings = Counter(
        (reading.user, reading.instant)
        for reading in accelerometer_trusted
        if reading.instant >= consents[reading.user]
    )
    return {
        "customer_trusted": len(customer_trusted),
        "accelerometer_trusted": len(accelerometer_trusted),
        "customer_curated": len(customer_curated),
        "step_trainer_trusted": len(step_trainer_trusted),
        "machine_learning_curated": sum(phone_readings_at[reading.instant] for reading in step_trainer_trusted),
        "machine_learning_pseudonymized": sum(
            consented_phone_readings[owners[reading.serial_number], reading.instant] for reading in step_trainer_trusted
        ),
    }
