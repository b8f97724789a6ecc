"""Creating an account."""

from httpx import AsyncClient

from tests.support.api import assert_problem, register


async def test_answers_with_the_new_user(client: AsyncClient) -> None:
    response = await register(client, "Ada@example.com", "Ada")

    assert response.status_code == 201
    user = response.json()
    assert user["email"] == "Ada@example.com"
    assert user["name"] == "Ada"
    assert user["role"] == "user"
    assert user.keys() == {"id", "email", "name", "role", "created_at", "updated_at"}


async def test_refuses_an_address_that_is_taken_in_another_case(client: AsyncClient) -> None:
    await register(client, "ada@example.com")

    response = await register(client, "ADA@Example.com")

    assert_problem(response, 409, "email_taken")
