"""One connection's way into the inbox, and the way of its acks back: the epoch rule and the order of acks live here."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from ingest.delivery import Delivery, LinkState
from ingest.mqtt.canary import Canary
from ingest.mqtt.inbox import Inbox
from ingest.mqtt.watch import LossWatch

SendAcks = Callable[[Sequence[int]], None]


class AckLedger:
    """The packet ids of one connection that the broker waits for, in order of receipt.

    MQTT wants acks in that order [MQTT-4.6.0-2], so an ack that comes early waits for its predecessors. An id
    that is not outstanding is ignored: it may belong to another message by now.
    """

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._unsettled: set[int] = set()

    def __len__(self) -> int:
        return len(self._order)

    def received(self, packet_ids: Sequence[int]) -> None:
        """Note ids that have just arrived."""
        self._order.extend(packet_ids)
        self._unsettled.update(packet_ids)

    def settle(self, packet_ids: Iterable[int]) -> list[int]:
        """Note that these messages are safe; returns the ids whose acks are due now, in order."""
        unsettled, order = self._unsettled, self._order
        unsettled.difference_update(packet_ids)
        due = []
        while order and order[0] not in unsettled:
            due.append(order.popleft())
        return due


class Intake:
    """What one connection does with its messages: those for the pipeline go to the inbox, canaries and `$SYS` do not.

    Args:
        source: name of the source.
        epoch: number of the connection; acks for another one never leave here.
    """

    def __init__(
        self, inbox: Inbox, state: LinkState, watch: LossWatch, canary: Canary | None, *, source: str, epoch: int
    ) -> None:
        self.source = source
        self.epoch = epoch
        self._inbox = inbox
        self._state = state
        self._watch = watch
        self._canary = canary
        self._ledger = AckLedger()
        self._due: list[int] = []
        self._send_acks: SendAcks | None = None
        self.delivered = 0

    @property
    def room(self) -> int:
        """How many more messages may be delivered now."""
        return self._inbox.room

    @property
    def paused(self) -> bool:
        """Whether nothing should be read now; then missing answers prove nothing."""
        return self._inbox.paused

    def deliver(self, deliveries: list[Delivery]) -> bool:
        """Take messages in order of receipt; False asks the connection to read no more until it is resumed."""
        self.delivered += len(deliveries)
        self._ledger.received([delivery.packet_id for delivery in deliveries if delivery.packet_id])
        if self._canary is not None:
            deliveries = self._without_canaries(deliveries, self._canary)
        at_qos0 = [delivery for delivery in deliveries if not delivery.qos]
        if at_qos0:
            self._state.received_qos0 += self._watch.qos0_arrived(at_qos0)
            deliveries = [delivery for delivery in deliveries if not delivery.topic.startswith("$")]
        if deliveries:
            self._state.received += len(deliveries)
            self._state.last_message_at = deliveries[-1].received_at
            self._inbox.put(deliveries)
        return not self._inbox.paused

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Send the acks that are due; those of another connection are dropped and counted."""
        ours = [item.packet_id for item in deliveries if item.packet_id and item.epoch == self.epoch]
        if len(ours) < len(deliveries):
            self._state.stale_acks += sum(1 for item in deliveries if item.packet_id and item.epoch != self.epoch)
        self._settle(ours)

    def attach(self, send_acks: SendAcks) -> None:
        """The connection is accepted: acks can be sent, those that waited for it at once."""
        self._send_acks = send_acks
        self._settle(())

    def _settle(self, packet_ids: Iterable[int]) -> None:
        self._due += self._ledger.settle(packet_ids)
        if self._due and self._send_acks is not None:
            due, self._due = self._due, []
            self._send_acks(due)

    def _without_canaries(self, deliveries: list[Delivery], canary: Canary) -> list[Delivery]:
        topic = canary.topic
        suspects = [delivery for delivery in deliveries if delivery.topic == topic]
        canaries = {id(delivery) for delivery in suspects if canary.observe(delivery)}
        if not canaries:
            return deliveries
        self._settle([delivery.packet_id for delivery in suspects if id(delivery) in canaries])
        return [delivery for delivery in deliveries if id(delivery) not in canaries]
