-- Made from stedi_assets/contract.py by: stedi ddl accelerometer_files --dialect athena
CREATE EXTERNAL TABLE IF NOT EXISTS `accelerometer_files` (
    `user` STRING COMMENT 'Email address of the phone\'s owner.',
    `timestamp` BIGINT COMMENT 'Instant of the phone reading, milliseconds since 1970 UTC.',
    `x` DOUBLE COMMENT 'Acceleration along the phone\'s x axis, in the phone\'s unit.',
    `y` DOUBLE COMMENT 'Acceleration along the phone\'s y axis, in the phone\'s unit.',
    `z` DOUBLE COMMENT 'Acceleration along the phone\'s z axis, in the phone\'s unit.'
)
COMMENT 'Phone accelerometer readings, as JSON.'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
    'case.insensitive' = 'TRUE',
    'ignore.malformed.json' = 'TRUE'
)
STORED AS
    INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
    OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://stedi-lakehouse/accelerometer/landing/'
TBLPROPERTIES ('classification' = 'json');
