"""What PostgreSQL itself enforces, generated from the one table of moves."""

from healthnotify.domain.lifecycle import BEGINNING, MOVES


def guard_moves() -> str:
    """A trigger that refuses a change of state which the table of moves does not have, and any other beginning."""
    pairs = sorted({f"{before}>{after}" for (before, _), after in MOVES.items()})
    allowed = ", ".join(f"'{pair}'" for pair in pairs)
    return f"""
        CREATE OR REPLACE FUNCTION notifications_guard_moves() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                RAISE EXCEPTION 'a notification begins {BEGINNING}, not %', NEW.state
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'notifications_moves';
            END IF;
            RAISE EXCEPTION 'notification % cannot move from % to %', OLD.id, OLD.state, NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'notifications_moves';
        END $$;
        DROP TRIGGER IF EXISTS notifications_guard_moves ON notifications;
        CREATE TRIGGER notifications_guard_moves BEFORE UPDATE OF state ON notifications
            FOR EACH ROW WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state <> ALL (ARRAY[{allowed}]))
            EXECUTE FUNCTION notifications_guard_moves();
        DROP TRIGGER IF EXISTS notifications_guard_beginning ON notifications;
        CREATE TRIGGER notifications_guard_beginning BEFORE INSERT ON notifications
            FOR EACH ROW WHEN (NEW.state <> '{BEGINNING}') EXECUTE FUNCTION notifications_guard_moves();
    """
