"""Tables to which rows are only ever added: PostgreSQL refuses everything else, whoever asks."""


def append_only(table: str) -> str:
    """The trigger that refuses UPDATE, DELETE and TRUNCATE on a table of ours."""
    return f"""
        CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '{table} is append-only: % is refused', TG_OP
                USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_append_only';
        END $$;
        CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only();
    """


def partitions_append_only(table: str) -> str:
    """The function behind the triggers of its partitions, which a statement's trigger does not reach down to. It is
    awake for as long as the table's own trigger is."""
    return f"""
        CREATE OR REPLACE FUNCTION {table}_partitions_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = '{table}'::regclass
                       AND tgname = '{table}_append_only' AND tgenabled <> 'D') THEN
                RAISE EXCEPTION '{table} is append-only: % is refused', TG_OP
                    USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_append_only';
            END IF;
            RETURN NULL;
        END $$;
    """


def partition_append_only(table: str, partition: str) -> str:
    """The trigger of one partition."""
    return f"""
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {partition}
            FOR EACH STATEMENT EXECUTE FUNCTION {table}_partitions_append_only()
    """


def changeable(table: str) -> str:
    """The way back, for a migration that is undone."""
    return f"DROP FUNCTION {table}_append_only CASCADE"
