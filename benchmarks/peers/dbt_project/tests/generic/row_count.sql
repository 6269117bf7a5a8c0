{% test row_count(model, expected) %}

SELECT count(*) AS row_count
FROM {{ model }}
HAVING count(*) <> {{ expected }}

{% endtest %}
