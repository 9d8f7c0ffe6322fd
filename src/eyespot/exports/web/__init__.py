"""The page as a folder that runs anywhere, and the proof in a browser that it answers the same."""

from eyespot.exports.web.exporting import ExportedWeb as ExportedWeb
from eyespot.exports.web.exporting import export_web as export_web
