-- Made from stedi_assets/tables.py by: stedi ddl accelerometer_trusted --dialect athena
CREATE EXTERNAL TABLE `accelerometer_trusted`
LOCATION 's3://stedi-lakehouse/lakehouse/accelerometer/trusted/'
TBLPROPERTIES ('table_type' = 'DELTA');
