"""The four tasks of an onboarding, with pauses where real ones would work.

Together they take about 20 seconds on a worker with four processes.  The full
history fails once, halfway, and Celery tries it again.
"""

import time

from .app import app, speed


def work_through(task, texts, seconds, stop_after=None):
    """Report each text with its progress and let its share of the time pass."""
    for done, text in enumerate(texts[:stop_after]):
        progress = 100 * done // len(texts)
        task.update_state(
            state="PROGRESS", meta={"progress": progress, "status": text}
        )
        time.sleep(seconds / len(texts) / speed())


@app.task(
    bind=True,
    name="companies.create_processes_from_taxpayer_settings",
)
def create_processes_from_taxpayer_settings(self, company_id):
    """Create the company's tax processes: 8 seconds."""
    texts = [
        "Leyendo la configuración del contribuyente",
        "Creando el proceso de IVA mensual",
        "Creando el proceso de renta anual",
        "Programando los vencimientos",
    ]
    work_through(self, texts, seconds=8)
    return {"processes": 3}


@app.task(bind=True, name="sii.sync_sii_documents_task")
def sync_sii_documents_task(self, company_id):
    """Fetch the documents of the last months: 12 seconds."""
    months = ["septiembre", "octubre", "noviembre"]
    texts = []
    for month in months:
        texts.append("Descargando documentos emitidos de %s" % month)
        texts.append("Descargando documentos recibidos de %s" % month)
    work_through(self, texts, seconds=12)
    return {"documents": 184}


@app.task(
    bind=True,
    name="sii.sync_sii_documents_full_history_task",
    max_retries=3,
)
def sync_sii_documents_full_history_task(self, company_id, fail_times=1):
    """Fetch the documents of all years: 20 seconds, the failed attempt included."""
    texts = ["Descargando documentos del año %d" % y for y in range(2019, 2027)]
    if self.request.retries < fail_times:
        work_through(self, texts, seconds=13, stop_after=4)
        error = ConnectionError("El SII no respondió a tiempo")
        raise self.retry(exc=error, countdown=1 / speed())
    work_through(self, texts, seconds=13)
    return {"documents": 5210}


@app.task(bind=True, name="forms.sync_all_historical_forms_task")
def sync_all_historical_forms_task(self, company_id):
    """Fetch the forms declared in the past: 16 seconds."""
    texts = []
    for form in ("F29", "F22", "F50", "F3323"):
        texts.append("Buscando formularios %s" % form)
        texts.append("Guardando formularios %s" % form)
    work_through(self, texts, seconds=16)
    return {"forms": 96}
