"""Plans what is due soon, once a second."""

from datetime import timedelta

from healthnotify.bootstrap import App
from healthnotify.domain.delivery import Step
from healthnotify.pipeline.plan import plan
from healthnotify.workers.loop import Loop


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end."""

    def act() -> list[Step]:
        steps, problems = plan(now=app.now(), limit=app.batch, store=app.store, planning=app.planning)
        for one in problems:
            loop.log.trouble("unplannable", preference=one.preference_id, problem=str(one.problem))
        return steps

    await loop.every(timedelta(seconds=1), act)
