"""The contracts of the person who is logged in."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from marketplace.accounts.models import User
from marketplace.clock import now_ms
from marketplace.contracts import services


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """List the contracts with the ways into their work diaries."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("login_required let someone in who is not logged in")
    return render(request, "contracts/home.html", {"contracts": services.listed_contracts(user, now_ms=now_ms())})
