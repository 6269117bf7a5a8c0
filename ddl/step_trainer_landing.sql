-- Made from stedi_assets/contract.py by: stedi ddl step_trainer_landing --dialect athena
CREATE EXTERNAL TABLE `step_trainer_landing`
LOCATION 's3://stedi-lakehouse/lakehouse/step_trainer/landing/'
TBLPROPERTIES ('table_type' = 'DELTA');
