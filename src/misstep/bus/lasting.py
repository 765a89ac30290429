"""Which errors of Kafka time does not mend: wrong credentials, missing rights, an impossible request."""

from __future__ import annotations

from confluent_kafka import KafkaError

_LASTING = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError.INVALID_REQUEST,
        KafkaError.INVALID_GROUP_ID,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.INCONSISTENT_GROUP_PROTOCOL,
        KafkaError._INVALID_ARG,
        KafkaError._NOT_IMPLEMENTED,
        KafkaError._FATAL,
    }
)


def lasts(error: KafkaError) -> bool:
    """Is there no use in trying again? Everything else passes: brokers restart, leaders move, metadata is late."""
    return error.fatal() or error.code() in _LASTING
