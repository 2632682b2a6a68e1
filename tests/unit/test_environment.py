"""What the environment may hold, where it comes from, and what is said when it cannot be used."""

import re
import subprocess
import sys
from itertools import pairwise

import pytest

from config.environment import ROOT, Environment, load, names, spellings, written

EXAMPLE = ROOT / ".env.example"
SECRET = "hunter2-do-not-show"


@pytest.fixture
def place(tmp_path):
    """An empty .env and an empty folder of secrets: `place(environ, dotenv=..., **secrets)` loads from them."""
    (tmp_path / "secrets").mkdir()

    def read(environ: dict[str, str] | None = None, dotenv: str = "", **secrets: str) -> Environment:
        (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        for name, text in secrets.items():
            (tmp_path / "secrets" / name).write_text(text, encoding="utf-8")
        return load(environ or {}, dotenv=tmp_path / ".env", secrets=tmp_path / "secrets")

    return read


def complaint(read, *args, **kwargs) -> str:
    with pytest.raises(SystemExit) as ended:
        read(*args, **kwargs)
    assert isinstance(ended.value.code, str), "a text as code means: print it to stderr and end with 1"
    return ended.value.code


def test_nothing_at_all_is_enough_to_start(place):
    assert place() == Environment()


def test_empty_and_blank_values_mean_not_given(place):
    assert place({"POSTGRES_PORT": "", "LOG_LEVEL": "  "}, dotenv="EMAIL_PORT=\n", REDIS_URL="\n") == Environment()


def test_values_are_taken_from_each_place(place, tmp_path):
    (tmp_path / "token").write_text("from a named file\n")
    found = place(
        {"POSTGRES_HOST": "db", "SMS_TOKEN_FILE": str(tmp_path / "token")},
        dotenv="EMAIL_HOST=mail\n",
        POSTGRES_PASSWORD="from secrets\n",
    )
    assert (found.postgres_host, found.email_host) == ("db", "mail")
    assert found.sms_token.get_secret_value() == "from a named file"
    assert found.postgres_password.get_secret_value() == "from secrets"


def test_the_places_have_an_order(place, tmp_path):
    (tmp_path / "model").write_text("file")
    everywhere = {"OPENAI_MODEL": "environment", "OPENAI_MODEL_FILE": str(tmp_path / "model")}
    dotenv = "OPENAI_MODEL=dotenv"

    assert place(everywhere, dotenv, OPENAI_MODEL="secrets").openai_model == "environment"
    del everywhere["OPENAI_MODEL"]
    assert place(everywhere, dotenv, OPENAI_MODEL="secrets").openai_model == "file"
    assert place({}, dotenv, OPENAI_MODEL="secrets").openai_model == "secrets"
    assert place({}, dotenv, OPENAI_MODEL="").openai_model == "dotenv"


def test_a_file_may_be_named_in_dotenv_too(place, tmp_path):
    (tmp_path / "key").write_text("sk-1")
    found = place(dotenv=f"OPENAI_KEY_FILE={tmp_path / 'key'}")
    assert found.openai_key is not None
    assert found.openai_key.get_secret_value() == "sk-1"


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ({"OPENAI_KEY": "one"}, "one"),
        ({"OPENAI_API_KEY": "two"}, "two"),
        ({"OPENAI_KEY": "one", "OPENAI_API_KEY": "two"}, "one"),
        ({"OPENAI_KEY": "", "OPENAI_API_KEY": "two"}, "two"),
    ],
)
def test_both_spellings_of_the_key_are_read(place, given, counts):
    key = place(given).openai_key
    assert key is not None
    assert key.get_secret_value() == counts


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("SMS_FROM=+15005550006", "+15005550006"),
        ("export SMS_FROM = +15005550006  # our number", "+15005550006"),
        ('SMS_FROM="a # b" # c', "a # b"),
        ("SMS_FROM='it\"s'", 'it"s'),
        ("SMS_FROM=a#b", "a#b"),
        ("SMS_FROM=a=b", "a=b"),
        ("\ufeffSMS_FROM=Grüße", "Grüße"),
    ],
)
def test_a_line_of_dotenv_is_read_as_people_write_it(place, line, value):
    assert place(dotenv=f"{line}\n\n# a comment\n").sms_from == value


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("POSTGRES_PORT", "70000", "whole number from 1 to 65535, such as 5432"),
        ("EMAIL_PORT", "0", "whole number from 1 to 65535"),
        ("EMAIL_PORT", "smtp", "whole number from 1 to 65535"),
        ("LOG_LEVEL", "loud", "one of debug, info, warning, error, such as info"),
        ("KAFKA_GROUP_PROTOCOL", "eager", "one of consumer, classic"),
        ("KAFKA_PARTITIONS", "-3", "whole number from 1 to"),
        ("KAFKA_CREATE_TOPICS", "perhaps", "true or false, such as true"),
        ("SEND_TIMEOUT_SECONDS", "-1", "seconds above 0"),
        ("SEND_TIMEOUT_SECONDS", "0", "seconds above 0"),
        ("RETRY_LONGEST_SECONDS", "inf", "seconds above 0"),
        ("RETRY_LONGEST_SECONDS", "nan", "seconds above 0"),
        ("PUBLIC_URL", "example.org", "begins with http:// or https://"),
        ("OPENAI_BASE_URL", "https://", "begins with http:// or https://"),
        ("SMS_BASE_URL", "ftp://sms.example", "begins with http:// or https://"),
        ("SMS_BASE_URL", "https://sms.example:99999", "begins with http:// or https://"),
        ("REDIS_URL", f"http://:{SECRET}@cache", "begins with redis:// or rediss://"),
        ("KAFKA_BOOTSTRAP_SERVERS", "one:9092,two", "host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "http://one:9092", "host:port"),
        ("DEFAULT_FROM_EMAIL", "nobody", "an e-mail address"),
        ("DEFAULT_FROM_EMAIL", "a@b.example\nBcc: c@d.example", "an e-mail address"),
    ],
)
def test_a_malformed_value_is_refused_with_its_name_and_the_fix(place, name, value, fix):
    text = complaint(place, {name: value})
    assert f"{name} must be" in text
    assert fix in text
    assert SECRET not in text


def test_every_problem_is_told_at_once(place):
    text = complaint(place, {"EMAIL_PORT": "x", "LOG_LEVEL": "y"})
    assert re.search(r"^EMAIL_PORT must", text, re.MULTILINE)
    assert re.search(r"^LOG_LEVEL must", text, re.MULTILINE)


def test_a_lease_must_outlast_the_calls_that_it_covers(place):
    assert place({"SEND_TIMEOUT_SECONDS": "20", "DELIVERY_LEASE_SECONDS": "60.5"}).delivery_lease_seconds == 60.5
    text = complaint(place, {"SEND_TIMEOUT_SECONDS": "20"})
    assert "DELIVERY_LEASE_SECONDS must be more than three times SEND_TIMEOUT_SECONDS" in text


def test_the_first_wait_is_not_longer_than_the_longest(place):
    text = complaint(place, {"RETRY_FIRST_SECONDS": "60", "RETRY_LONGEST_SECONDS": "30"})
    assert "RETRY_FIRST_SECONDS must not be more than RETRY_LONGEST_SECONDS" in text


def test_an_sms_provider_needs_all_of_its_settings(place):
    whole = {"SMS_BASE_URL": "http://sms", "SMS_ACCOUNT": "AC1", "SMS_TOKEN": "t", "SMS_FROM": "+15005550006"}
    assert place(whole).sms_account == "AC1"
    for name in ("SMS_ACCOUNT", "SMS_TOKEN", "SMS_FROM"):
        assert f"{name} must be given too" in complaint(place, whole | {name: ""})


def test_unknown_names_in_dotenv_are_all_named(place):
    text = complaint(place, dotenv=f"POSTGRES_HSOT={SECRET}\nEMIAL_HOST=x\nEMAIL_HOST=y\n")
    assert ".env: unknown name EMIAL_HOST, POSTGRES_HSOT" in text
    assert ".env.example" in text
    assert SECRET not in text


def test_names_of_others_in_the_process_environment_are_left_alone(place):
    assert place({"POSTGRES_HSOT": "x", "PATH": "/bin"}) == Environment()


def test_a_line_that_is_no_setting_is_named_by_its_number_only(place):
    text = complaint(place, dotenv=f"EMAIL_HOST=x\n{SECRET}\n")
    assert ".env, line 2: it is not NAME=value" in text
    assert SECRET not in text


def test_a_named_file_must_exist_hold_something_and_be_text(place, tmp_path):
    missing = tmp_path / "missing"
    assert f"SMS_TOKEN_FILE: {missing} cannot be read (no such" in complaint(place, {"SMS_TOKEN_FILE": str(missing)})

    (tmp_path / "empty").write_text("\n")
    assert "is empty" in complaint(place, {"SMS_TOKEN_FILE": str(tmp_path / "empty")})

    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in complaint(place, {"SMS_TOKEN_FILE": str(tmp_path / "bytes")})


def test_a_secret_that_is_there_but_cannot_be_read_is_not_passed_over(place, tmp_path):
    (tmp_path / "secrets" / "SMS_TOKEN").mkdir()  # a folder, as root may read every file
    text = complaint(place)
    assert "SMS_TOKEN cannot be read (is a directory)" in text


def test_no_folder_of_secrets_is_no_problem(tmp_path):
    assert load({}, dotenv=tmp_path / ".env", secrets=tmp_path / "nowhere") == Environment()


def test_secrets_are_not_shown_when_the_environment_is_printed(place):
    secret = dict.fromkeys(("POSTGRES_PASSWORD", "OPENAI_KEY", "SMS_TOKEN", "ENCRYPTION_KEYS"), SECRET)
    found = place(secret | {"REDIS_URL": f"redis://:{SECRET}@cache:6379/0"})
    assert SECRET not in f"{found!r} {found}"
    assert found.redis_url is not None
    assert SECRET in found.redis_url.get_secret_value()


def test_a_url_loses_its_last_slash_so_that_paths_can_follow(place):
    assert place({"PUBLIC_URL": "https://example.org/app/"}).public_url == "https://example.org/app"


def test_a_command_ends_with_the_message_on_stderr_and_code_1():
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"REDIS_URL": SECRET, "EMAIL_PORT": "smtp"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "REDIS_URL must be" in ended.stderr
    assert "EMAIL_PORT must be" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert SECRET not in ended.stderr


def example() -> list[tuple[str, str, str]]:
    """(line before, name, value) for each setting of .env.example."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    matches = [(before, re.fullmatch(r"#([A-Z_]+)=(.*)", line)) for before, line in pairwise(lines)]
    return [(before, match[1], match[2]) for before, match in matches if match]


def test_the_example_has_every_name_in_order_and_no_other():
    assert [name for _, name, _ in example()] == names()


def test_the_example_gives_each_name_a_sentence():
    assert [name for before, name, _ in example() if not re.fullmatch(r"# .+\.", before)] == []


def test_the_example_shows_the_defaults():
    defaults = {
        name: written(about.default) for field, about in Environment.model_fields.items() for name in spellings(field)
    }
    assert {name: value for _, name, value in example()} == defaults


def test_the_example_without_its_comment_signs_means_the_defaults(place):
    assert place(dotenv=re.sub(r"(?m)^#(?=[A-Z_]+=)", "", EXAMPLE.read_text(encoding="utf-8"))) == Environment()
