"""How frames are recorded, and the page that shows a recording. `h2.recorder` is the API."""
