-- Made from stedi_assets/contract.py by: stedi ddl customer_files --dialect athena
CREATE EXTERNAL TABLE IF NOT EXISTS `customer_files` (
    `customername` STRING COMMENT 'Full name.',
    `email` STRING COMMENT 'Email address, by which a customer is known.',
    `phone` STRING COMMENT 'Telephone number.',
    `birthday` STRING COMMENT 'Date of birth, as it arrived.',
    `serialnumber` STRING COMMENT 'Serial number of the Step Trainer.',
    `registrationdate` BIGINT COMMENT 'When the customer registered, milliseconds since 1970 UTC.',
    `lastupdatedate` BIGINT COMMENT 'When the record last changed, milliseconds since 1970 UTC.',
    `sharewithresearchasofdate` BIGINT COMMENT 'Start of the consent to share data with research, milliseconds since 1970 UTC; blank without consent.',
    `sharewithpublicasofdate` BIGINT COMMENT 'Start of the consent to share data with the public, milliseconds since 1970 UTC; blank without consent.',
    `sharewithfriendsasofdate` BIGINT COMMENT 'Start of the consent to share data with friends, milliseconds since 1970 UTC; blank without consent.'
)
COMMENT 'Customer records, as JSON.'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
    'case.insensitive' = 'TRUE',
    'ignore.malformed.json' = 'TRUE'
)
STORED AS
    INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
    OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://stedi-lakehouse/customer/landing/'
TBLPROPERTIES ('classification' = 'json');
