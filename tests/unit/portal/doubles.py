"""Stand-ins for the objects that the composition root hands to the portal."""

from portal.health import Unavailable


class FixedHealth:
    def __init__(self, checks):
        self._checks = checks

    def checks(self):
        return self._checks


class RecordingSink:
    """Keeps what was submitted; `answer` is awaited first and may raise or wait."""

    def __init__(self, answer=None):
        self.submitted = []
        self._answer = answer

    async def submit(self, source, topic, payload, received_at):
        if self._answer is not None:
            await self._answer()
        self.submitted.append((source, topic, payload, received_at))


async def unavailable():
    raise Unavailable("spool_full", retry_after=60)
