-- Made from stedi_assets/contract.py by: stedi ddl machine_learning_curated --dialect athena
CREATE EXTERNAL TABLE `machine_learning_curated`
LOCATION 's3://stedi-lakehouse/lakehouse/machine_learning/curated/'
TBLPROPERTIES ('table_type' = 'DELTA');
