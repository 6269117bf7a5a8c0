-- Made from stedi_assets/contract.py by: stedi ddl customer_quarantine --dialect athena
CREATE EXTERNAL TABLE `customer_quarantine`
LOCATION 's3://stedi-lakehouse/lakehouse/customer/quarantine/'
TBLPROPERTIES ('table_type' = 'DELTA');
