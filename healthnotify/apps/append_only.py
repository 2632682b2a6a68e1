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


def changeable(table: str) -> str:
    """The way back, for a migration that is undone."""
    return f"DROP FUNCTION {table}_append_only CASCADE"
