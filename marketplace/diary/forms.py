"""What people write on the diary's pages."""

from django import forms
from django.utils.translation import gettext_lazy as _

from wire.marks import LONGEST_REASON


class ReasonForm(forms.Form):
    """Why a mark is made; both parties can read it."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        error_messages={
            "required": _("Give a reason; both parties can read it."),
            "max_length": _("A reason has at most %(limit_value)d characters; shorten it."),
        },
    )
