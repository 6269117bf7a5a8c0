-- Made from stedi_assets/contract.py by: stedi ddl accelerometer_landing --dialect athena
CREATE EXTERNAL TABLE `accelerometer_landing`
LOCATION 's3://stedi-lakehouse/lakehouse/accelerometer/landing/'
TBLPROPERTIES ('table_type' = 'DELTA');
