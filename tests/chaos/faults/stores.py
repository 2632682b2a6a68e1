"""Redis and Kafka that lose something."""

from tests.chaos.faults import fault
from tests.chaos.run import TICK, Run


@fault(
    10,
    "FLUSHALL in mid-run",
    done="While half of the notifications wait in Redis, FLUSHALL empties it; once more a second later.",
    holds="Publishing goes on from PostgreSQL; nothing that was sent is sent again; the sweeper rebuilds the cache.",
)
def flush(run: Run) -> None:
    run.load(200)
    run.wait_until_accepted(0.2)
    run.services.redis.flushall()
    run.prove(run.services.redis.dbsize() < 200, "the cache is still full")
    run.pause(1)
    run.services.redis.flushall()
    run.wait_until_accepted(0.8)


@fault(
    16,
    "leader broker kill -9",
    done="The broker that leads the first partition of the daily topic is killed with SIGKILL in mid-run, and started "
    "again after 4 s, once another one leads.",
    holds="Another replica leads within seconds; what was confirmed is read, what was not is announced again.",
    variants=lambda _dice, quick: tuple(f"kill {number}" for number in range(1 if quick else 10)),
)
def kill_leader(run: Run) -> None:
    run.load(200, seconds=5)
    run.wait_until_accepted(0.15)
    leader = run.services.leader()
    run.services.kafka.nodes[leader - 1].kill()
    run.wait_for(lambda: run.services.leader() not in {leader, -1}, "another leader", seconds=30)
    run.pause(TICK)
    run.services.kafka.nodes[leader - 1].restart()
    run.services.kills += 1
