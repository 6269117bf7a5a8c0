-- Made from stedi_assets/contract.py by: stedi ddl step_trainer_trusted --dialect athena
CREATE EXTERNAL TABLE `step_trainer_trusted`
LOCATION 's3://stedi-lakehouse/lakehouse/step_trainer/trusted/'
TBLPROPERTIES ('table_type' = 'DELTA');
