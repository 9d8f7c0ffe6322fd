"""A model outside of Python: one file or a folder, and the proof that it answers the same."""

from eyespot.exports.exporting import Exported as Exported
from eyespot.exports.exporting import export as export
from eyespot.exports.web import ExportedWeb as ExportedWeb
from eyespot.exports.web import export_web as export_web
