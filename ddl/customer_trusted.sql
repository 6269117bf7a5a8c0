-- Made from stedi_assets/contract.py by: stedi ddl customer_trusted --dialect athena
CREATE EXTERNAL TABLE `customer_trusted`
LOCATION 's3://stedi-lakehouse/lakehouse/customer/trusted/'
TBLPROPERTIES ('table_type' = 'DELTA');
