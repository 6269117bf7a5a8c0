-- Made from stedi_assets/contract.py by: stedi ddl machine_learning_pseudonymized --dialect athena
CREATE EXTERNAL TABLE `machine_learning_pseudonymized`
LOCATION 's3://stedi-lakehouse/lakehouse/machine_learning/pseudonymized/'
TBLPROPERTIES ('table_type' = 'DELTA');
