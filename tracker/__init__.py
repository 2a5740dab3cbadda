"""The freelancer's tracker."""
