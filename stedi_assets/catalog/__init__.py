"""What other programs know the tables by: CREATE statements, and the AWS Glue Data Catalog."""
