"""One file for each step. A step that was released is never changed.

May not know today's tables: they will change, the step will not.
"""
