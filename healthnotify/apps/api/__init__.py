"""The API that other systems build on: `/api/v1/`. It owns no table; users and notifications do."""
