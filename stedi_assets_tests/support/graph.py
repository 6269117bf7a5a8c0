"""The graph of tables, as the course draws it, and the landing tables of all sources."""

from stedi_assets.contract import SOURCES

GRAPH = {
    **{f"{source.subject}_landing": ("landing", {f"{source.subject}_files"}) for source in SOURCES.values()},
    "customer_trusted": ("trusted", {"customer_landing"}),
    "accelerometer_trusted": ("trusted", {"accelerometer_landing", "customer_trusted"}),
    "customer_curated": ("curated", {"customer_trusted", "accelerometer_trusted"}),
    "step_trainer_trusted": ("trusted", {"step_trainer_landing", "customer_curated"}),
    "machine_learning_curated": ("curated", {"step_trainer_trusted", "accelerometer_trusted"}),
    "machine_learning_pseudonymized": (
        "curated",
        {"customer_landing", "step_trainer_trusted", "accelerometer_trusted"},
    ),
}

LANDING_CHECKS = {
    "accounts_for_every_byte_of_every_file",
    "has_few_records_in_quarantine",
    "has_no_files_of_equal_content",
    "has_every_file_of_its_folder",
}

CHECKS = {
    **{f"{source.subject}_landing": LANDING_CHECKS for source in SOURCES.values()},
    "customer_landing": {
        "has_customers_with_a_blank_consent",
        "has_no_serial_number_of_several_customers",
        *LANDING_CHECKS,
    },
    "customer_trusted": {"has_no_customer_with_a_blank_consent", "has_the_rows_computed_another_way"},
    "accelerometer_trusted": {"has_the_rows_computed_another_way"},
    "customer_curated": {"has_the_rows_computed_another_way"},
    "step_trainer_trusted": {"has_the_rows_computed_another_way"},
    "machine_learning_curated": {
        "has_the_rows_computed_another_way",
        "has_no_column_that_names_a_person",
        "has_no_pair_of_different_customers",
        "has_no_row_before_consent",
        "has_rows_to_train_with",
        "has_no_serial_number_that_names_a_customer",
    },
    "machine_learning_pseudonymized": {
        "has_the_rows_computed_another_way",
        "has_no_pair_of_different_customers",
        "has_no_row_before_consent",
        "has_rows_to_train_with",
        "has_no_row_of_an_ambiguous_serial_number",
        "has_no_value_that_names_a_customer",
        "has_no_more_subjects_than_customers_who_consent",
    },
}

COMMON_CHECKS = {"has_expected_rows", "has_the_columns_of_the_contract", "has_no_null_in_required_columns"}
"""From a table to its group and to what it reads."""
