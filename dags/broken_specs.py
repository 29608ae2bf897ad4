"""Shows every broken spec as an Airflow DAG import error, while the DAGs of the sound ones go on."""

from operators.specs import refuse_broken_specs

refuse_broken_specs()
