-- Made from stedi_assets/contract.py by: stedi ddl step_trainer_quarantine --dialect athena
CREATE EXTERNAL TABLE `step_trainer_quarantine`
LOCATION 's3://stedi-lakehouse/lakehouse/step_trainer/quarantine/'
TBLPROPERTIES ('table_type' = 'DELTA');
