"""Announcements in the making: words → speech or an uploaded sound → checked, levelled, kept with their history.

May not know calls, rules or which prompt is played when. Only `store`, `speech`, `sound_files` and
`shipped` touch the world.
"""
