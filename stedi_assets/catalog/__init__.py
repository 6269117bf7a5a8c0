"""How other programs find the tables: CREATE statements, and the AWS Glue Data Catalog."""
