"""The last line of defence: so many sends a user and day, and a channel and minute, and not one more.

PostgreSQL enforces it when a claim is written, whoever writes it, by a count of its own: it believes nothing that the
rest of the system says of caps, attempts or budgets, and shares no code with it. What it refuses stays unclaimed.
"""

from typing import Final

from healthnotify.domain.model import Channel

USER_DAY: Final = "user_day"
#: Far above what a healthy system does. An installation sets them to what its users and providers bear.
DEFAULTS: Final = {USER_DAY: 50, "email_minute": 60_000, "sms_minute": 6_000, "webhook_minute": 60_000}

#: A claim that is born with its failure is no send: something is put off.
IS_A_SEND: Final = "NEW.claim_id IS NOT NULL AND NEW.claim_id IS DISTINCT FROM OLD.claim_id AND NEW.failure IS NULL"

#: Names that are known when the function is compiled.
NEXT: Final = "CASE NEW.channel {} END".format(
    " ".join(f"WHEN '{channel}' THEN nextval('sends_{channel}'::regclass)" for channel in Channel)
)

#: A sequence counts a channel's claims, because a counter in a row would be a queue for all consumers; a channel's
#: ceiling remembers what its minute began with, so that one row says all: the trigger runs for each claim.
FUNCTION: Final = f"""
    CREATE OR REPLACE FUNCTION notifications_ceiling() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        this_minute timestamptz := date_trunc('minute', statement_timestamp());
        today date := (statement_timestamp() AT TIME ZONE 'UTC')::date;
        name_of_channel text := NEW.channel || '_minute';
        since timestamptz;
        began bigint;
        most integer;
    BEGIN
        SELECT c.minute, c.began, c.most INTO since, began, most FROM ceilings c WHERE c.name = name_of_channel;
        IF since < this_minute THEN
            UPDATE ceilings c SET minute = this_minute, began = {NEXT}
            WHERE c.name = name_of_channel AND c.minute < this_minute;
            SELECT c.began, c.most INTO began, most FROM ceilings c WHERE c.name = name_of_channel;
        END IF;
        IF (({NEXT}) - began <= most) IS NOT TRUE THEN
            RETURN NULL;
        END IF;
        INSERT INTO user_sends AS s (user_id, day, sends) VALUES (NEW.user_id, today, 1)
        ON CONFLICT (user_id, day) DO UPDATE SET sends = s.sends + 1
        WHERE s.sends < (SELECT c.most FROM ceilings c WHERE c.name = '{USER_DAY}');
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        RETURN NEW;
    END $$;
    DROP TRIGGER IF EXISTS notifications_ceiling ON notifications;
    CREATE TRIGGER notifications_ceiling BEFORE UPDATE OF claim_id ON notifications
        FOR EACH ROW WHEN ({IS_A_SEND}) EXECUTE FUNCTION notifications_ceiling();
"""


#: From migration 0009 on; until then a table of its own held them. Not in the model: nothing else reads or writes them.
MINUTES: Final = f"""
    ALTER TABLE ceilings ADD COLUMN IF NOT EXISTS minute timestamptz NOT NULL DEFAULT '-infinity',
                         ADD COLUMN IF NOT EXISTS began bigint NOT NULL DEFAULT 0;
    {FUNCTION}
    DROP TABLE IF EXISTS channel_minutes;
"""


def enforced() -> str:
    """The tables, sequences and trigger, with the ceilings at their defaults."""
    sequences = "".join(f"CREATE SEQUENCE sends_{channel} CACHE 1;" for channel in Channel)
    values = ", ".join(f"('{name}', {most})" for name, most in DEFAULTS.items())
    return f"""
        CREATE TABLE user_sends (user_id uuid, day date, sends integer NOT NULL, PRIMARY KEY (user_id, day))
            WITH (fillfactor = 80);
        CREATE TABLE channel_minutes (channel text PRIMARY KEY, minute timestamptz NOT NULL, began bigint NOT NULL);
        {sequences}
        INSERT INTO ceilings (name, most) VALUES {values};
        {FUNCTION}
    """


def lifted() -> str:
    """The way back, for a migration that is undone."""
    sequences = "".join(f"DROP SEQUENCE sends_{channel};" for channel in Channel)
    return f"DROP FUNCTION notifications_ceiling CASCADE; DROP TABLE IF EXISTS user_sends, channel_minutes; {sequences}"
