-- Made from stedi_assets/contract.py by: stedi ddl accelerometer_trusted --dialect athena
CREATE EXTERNAL TABLE `accelerometer_trusted`
LOCATION 's3://stedi-lakehouse/lakehouse/accelerometer/trusted/'
TBLPROPERTIES ('table_type' = 'DELTA');
