"""Arrays in, trained populations out: one member written once, mapped once. Read `training` first.

Nothing here knows of tables, files or screens.
"""
