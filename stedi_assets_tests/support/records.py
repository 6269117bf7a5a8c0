"""Landing records that are small enough to reason about, and the rows that they give."""

from typing import Any

Record = dict[str, Any]


def customer(name: str, research: int | None = None, **others: Any) -> Record:
    """A customer record; the key of a consent that was not given is missing."""
    consent = {} if research is None else {"shareWithResearchAsOfDate": research}
    return {
        "customerName": f"{name.title()} Example",
        "email": f"{name}@example.com",
        "phone": "2065550100",
        "birthDay": "1980-02-03",
        "serialNumber": f"serial-{name}",
        "registrationDate": 10,
        "lastUpdateDate": 20,
        **consent,
        **others,
    }


def phone_reading(name: str, instant: int, x: float = 0.0) -> Record:
    return {"user": f"{name}@example.com", "timestamp": instant, "x": x, "y": -1.0, "z": 0.5}


def device_reading(name: str, instant: int, distance: int = 250) -> Record:
    return {"sensorReadingTime": instant, "serialNumber": f"serial-{name}", "distanceFromObject": distance}


CUSTOMERS = [
    customer("ada", research=100),
    customer("eve", research=150),
    customer("dan", research=100),  # consents, has no phone readings
    customer("bob"),  # the key is missing
    customer("cyd", research=0),
]
PHONE_READINGS = [
    phone_reading("ada", 100, x=0.25),
    phone_reading("ada", 100, x=0.75),
    phone_reading("ada", 200),
    phone_reading("eve", 100),
    phone_reading("bob", 100),
    phone_reading("cyd", 300),
]
DEVICE_READINGS = [
    device_reading("ada", 100, distance=201),
    device_reading("ada", 300),
    device_reading("eve", 100, distance=300),
    device_reading("dan", 100),
    device_reading("bob", 100),
]
EXPECTED_COUNTS = {
    "customer_landing": 5,
    "accelerometer_landing": 6,
    "step_trainer_landing": 5,
    "customer_trusted": 3,
    "accelerometer_trusted": 4,
    "customer_curated": 2,
    "step_trainer_trusted": 3,
    "machine_learning_curated": 6,
    "machine_learning_pseudonymized": 2,
}
