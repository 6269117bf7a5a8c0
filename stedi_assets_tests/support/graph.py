"""The graph of tables, as the course draws it, and the landing tables of all sources."""

from stedi_assets.contract import SOURCES

GRAPH = {
    **{f"{source.subject}_landing": ("landing", {f"{source.subject}_files"}) for source in SOURCES.values()},
    "customer_trusted": ("trusted", {"customer_landing"}),
    "accelerometer_trusted": ("trusted", {"accelerometer_landing", "customer_trusted"}),
    "customer_curated": ("curated", {"customer_trusted", "accelerometer_trusted"}),
    "step_trainer_trusted": ("trusted", {"step_trainer_landing", "customer_curated"}),
    "machine_learning_curated": ("machine_learning", {"step_trainer_trusted", "accelerometer_trusted"}),
    "machine_learning_pseudonymized": (
        "machine_learning",
        {"customer_landing", "step_trainer_trusted", "accelerometer_trusted"},
    ),
}

LANDING_CHECKS = {
    "has_every_byte_counted",
    "has_few_quarantined",
    "has_no_equal_files",
    "has_every_file_read",
}

CHECKS = {
    **{f"{source.subject}_landing": LANDING_CHECKS for source in SOURCES.values()},
    "customer_landing": {
        "has_blank_consents",
        "has_no_shared_device",
        *LANDING_CHECKS,
    },
    "customer_trusted": {"has_no_blank_consent", "has_recomputed_rows"},
    "accelerometer_trusted": {"has_recomputed_rows"},
    "customer_curated": {"has_recomputed_rows"},
    "step_trainer_trusted": {"has_recomputed_rows"},
    "machine_learning_curated": {
        "has_recomputed_rows",
        "has_no_naming_column",
        "has_no_mixed_customers",
        "has_no_unconsented_row",
        "has_rows_to_train_with",
        "has_no_serial_number",
    },
    "machine_learning_pseudonymized": {
        "has_recomputed_rows",
        "has_no_mixed_customers",
        "has_no_unconsented_row",
        "has_rows_to_train_with",
        "has_no_shared_device",
        "has_no_personal_value",
        "has_no_extra_subjects",
    },
}

COMMON_CHECKS = {"has_expected_rows", "has_contract_columns", "has_required_values"}
"""From a table to its group and to what it reads."""
