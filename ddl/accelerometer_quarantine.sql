-- Made from stedi_assets/contract.py by: stedi ddl accelerometer_quarantine --dialect athena
CREATE EXTERNAL TABLE `accelerometer_quarantine`
LOCATION 's3://stedi-lakehouse/lakehouse/accelerometer/quarantine/'
TBLPROPERTIES ('table_type' = 'DELTA');
