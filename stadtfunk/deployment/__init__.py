"""What a deployment in containers needs once: passwords, an own CA, certificates, logins of the database.

The files of the deployment itself are `docker-compose.yml`, `Dockerfile` and `config/deployment/`.
"""
