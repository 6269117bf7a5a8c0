-- Made from stedi_assets/contract.py by: stedi ddl step_trainer_files --dialect athena
CREATE EXTERNAL TABLE IF NOT EXISTS `step_trainer_files` (
    `sensorreadingtime` BIGINT COMMENT 'Instant of the device reading, milliseconds since 1970 UTC.',
    `serialnumber` STRING COMMENT 'Serial number of the Step Trainer.',
    `distancefromobject` BIGINT COMMENT 'Distance from the device to the object in front of it, in the device\'s unit.'
)
COMMENT 'Step Trainer device readings, as JSON.'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
    'case.insensitive' = 'TRUE',
    'ignore.malformed.json' = 'TRUE'
)
STORED AS
    INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
    OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://stedi-lakehouse/step_trainer/landing/'
TBLPROPERTIES ('classification' = 'json');
