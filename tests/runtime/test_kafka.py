import time
import uuid
import warnings

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from runtime.kafka import admin_config, consumer_config, cooperative, transactional_producer_config
from runtime.properties import REFUSED, kafka_properties
from runtime.settings import Settings, SettingsError, load_settings


def settings(**variables: str) -> Settings:
    return load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", **variables}, None, "kafka")


def test_kafka_variables_become_librdkafka_s_properties() -> None:
    found = kafka_properties({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "shop"})
    assert found.accepted == {"security.protocol": "SASL_SSL", "sasl.username": "shop"}


@pytest.mark.parametrize("name", ["KAFKA_PORT", "KAFKA_HEAP_OPTS", "KAFKA_SERVICE_HOST", "KAFKA_PLUGIN_LIBRARY_PATHS"])
def test_names_of_other_tools_are_warned_about_and_ignored(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert settings(**{name: "tcp://10.0.0.1:9092"}).kafka_properties == {}
    assert [str(warning.message).split()[0] for warning in caught] == [name]


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_promises_rest_on_is_refused_with_a_sentence(name: str) -> None:
    variable = f"KAFKA_{name.upper().replace('.', '_')}"
    (line,) = kafka_properties({variable: "1"}).errors
    assert line.startswith(f"{variable}: can't be changed: ")
    assert REFUSED[name] in line


def test_several_refused_names_are_all_named() -> None:
    with pytest.raises(SettingsError) as caught:
        settings(KAFKA_ACKS="1", KAFKA_GROUP_ID="x", KAFKA_LINGER_MS="soon")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "KAFKA_ACKS",
        "KAFKA_GROUP_ID",
        "KAFKA_LINGER_MS",
    ]


def test_a_consumer_reads_committed_messages_from_the_start_and_commits_nothing_itself() -> None:
    config = consumer_config(settings(), "group")
    assert config["enable.auto.commit"] is False
    assert config["enable.auto.offset.store"] is False
    assert config["auto.offset.reset"] == "earliest"
    assert config["isolation.level"] == "read_committed"
    assert config["enable.partition.eof"] is True
    assert config["session.timeout.ms"] == 20_000
    assert "group.instance.id" not in config


def test_a_producer_places_keys_as_java_does_and_gives_up_before_its_transaction() -> None:
    config = transactional_producer_config(settings(), "id")
    assert config["partitioner"] == "murmur2_random"
    assert config["acks"] == "all"
    assert config["enable.idempotence"] is True
    assert config["message.timeout.ms"] <= config["transaction.timeout.ms"] == 10_000


def test_the_new_group_protocol_leaves_the_session_to_the_broker() -> None:
    config = consumer_config(settings(KAFKA_GROUP_PROTOCOL="consumer"), "group")
    assert "session.timeout.ms" not in config
    assert "heartbeat.interval.ms" not in config
    assert "partition.assignment.strategy" not in config


@pytest.mark.parametrize(
    ("variables", "one_by_one"),
    [
        ({}, True),
        ({"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "range"}, False),
        ({"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "range,roundrobin"}, False),
        ({"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "cooperative-sticky"}, True),
        ({"KAFKA_GROUP_PROTOCOL": "consumer"}, True),
        ({"KAFKA_GROUP_PROTOCOL": "Consumer"}, True),
    ],
)
def test_what_the_programs_hold_of_the_assignment_is_what_librdkafka_does(
    kafka: str, prefix: str, variables: dict[str, str], one_by_one: bool
) -> None:
    chosen = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, **variables}, None, "kafka")
    assert cooperative(chosen) is one_by_one
    topic = f"{prefix}-topic"
    admin = AdminClient(admin_config(chosen))
    admin.create_topics([NewTopic(topic, 1)])[topic].result(30)
    consumer = Consumer(consumer_config(chosen, f"{prefix}-group"))
    came: list[bool] = []

    def on_assign(member: Consumer, partitions: list[TopicPartition]) -> None:
        (member.incremental_assign if one_by_one else member.assign)(partitions)
        came.append(bool(partitions))

    try:
        consumer.subscribe([topic], on_assign=on_assign)
        until = time.monotonic() + 60
        while True not in came and time.monotonic() < until:
            consumer.poll(0.1)
        assert True in came
        assert [part.topic for part in consumer.assignment()] == [topic]
    finally:
        consumer.close()


@pytest.mark.parametrize(
    ("protocol", "name", "value"),
    [
        ("consumer", "KAFKA_PARTITION_ASSIGNMENT_STRATEGY", "range"),
        ("consumer", "KAFKA_HEARTBEAT_INTERVAL_MS", "2000"),
        ("classic", "KAFKA_GROUP_REMOTE_ASSIGNOR", "uniform"),
    ],
)
def test_a_property_of_the_other_group_protocol_is_refused(protocol: str, name: str, value: str) -> None:
    (line,) = kafka_properties({"KAFKA_GROUP_PROTOCOL": protocol, name: value}).errors
    assert line.startswith(f"{name}: ")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"KAFKA_GROUP_PROTOCOL": "consumer"},
        {"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "range"},
        {"KAFKA_LINGER_MS": "20", "KAFKA_FETCH_MIN_BYTES": "10", "KAFKA_COMPRESSION_TYPE": "lz4"},
        {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "u"}
        | {"KAFKA_SASL_PASSWORD": "p"},
    ],
)
def test_librdkafka_takes_each_configuration_silently(
    variables: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(**variables)
    consumer = Consumer(consumer_config(chosen, "group") | {"log_level": 4})
    Producer(transactional_producer_config(chosen, "id") | {"log_level": 4}).flush(0)
    AdminClient(admin_config(chosen) | {"log_level": 4}).poll(0)
    consumer.close()
    assert "CONFWARN" not in capfd.readouterr().err


def test_the_configurations_work_on_a_real_broker(kafka: str, prefix: str) -> None:
    chosen = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka}, None, "kafka")
    producer = Producer(transactional_producer_config(chosen, f"{prefix}-{uuid.uuid4()}"))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.abort_transaction(30)
    consumer = Consumer(consumer_config(chosen, f"{prefix}-group"))
    with pytest.raises(KafkaException):
        consumer.commit(asynchronous=False)
    consumer.close()
    assert AdminClient(admin_config(chosen)).list_topics(timeout=30).brokers
