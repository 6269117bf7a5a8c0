-- Made from stedi_assets/contract.py by: stedi ddl customer_landing --dialect athena
CREATE EXTERNAL TABLE `customer_landing`
LOCATION 's3://stedi-lakehouse/lakehouse/customer/landing/'
TBLPROPERTIES ('table_type' = 'DELTA');
