"""A provider that misbehaves."""

from tests.chaos.faults import fault
from tests.chaos.provider import Rule
from tests.chaos.run import Run


@fault(
    27,
    "provider accepts, then closes",
    done="For a fifth of the requests, on every channel, the provider takes the message and closes without an answer.",
    holds="A webhook is sent again under its id; mail is sent again, once for each such doubt; a text is FAILED with "
    "outcome_unknown and never sent again.",
)
def accepts_then_closes(run: Run) -> None:
    run.provider.rules(Rule("accept_close", share=0.2))
    run.load(150)
    run.wait_until_accepted(0.9)
    run.prove(run.did("accept_close") >= 10, f"{run.did('accept_close')} requests were closed")
