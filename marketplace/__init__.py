"""The marketplace: the API the tracker syncs to, and the pages where work diaries are reviewed."""
