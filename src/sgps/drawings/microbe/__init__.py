"""Drawn smears of bacteria and yeasts."""
