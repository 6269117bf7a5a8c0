-- Made from stedi_assets/contract.py by: stedi ddl customer_curated --dialect athena
CREATE EXTERNAL TABLE `customer_curated`
LOCATION 's3://stedi-lakehouse/lakehouse/customer/curated/'
TBLPROPERTIES ('table_type' = 'DELTA');
