. /media/core.sh
copy_version httpd-container/2.4

# Stand in for RHEL's packages and their paths. `common.sh` expects the `AllowOverride` of the document root in line 156 of
# the main file.
cat > /usr/sbin/httpd <<'END'
#!/bin/sh
exec /usr/sbin/apache2 -d /etc/httpd -f conf/httpd.conf "$@"
END
chmod 755 /usr/sbin/httpd
mkdir -p /etc/httpd/{conf,conf.d,conf.modules.d} /var/log/httpd /var/run/httpd /var/www/html
{
    cat <<'END'
Listen 80
User apache
Group apache
ServerName localhost
PidFile /var/run/httpd/httpd.pid
Include conf.modules.d/*.conf
TypesConfig /etc/mime.types
DirectoryIndex index.html
LogFormat "%h \"%r\" %>s" common
ErrorLog /var/log/httpd/error_log
CustomLog /var/log/httpd/access_log common
DocumentRoot "/var/www/html"
END
    for _ in {13..154}; do echo "#"; done
    cat <<'END'
<Directory "/var/www/html">
    AllowOverride None
    Require all granted
</Directory>
IncludeOptional conf.d/*.conf
END
} > /etc/httpd/conf/httpd.conf
modules() { for name; do echo "LoadModule ${name}_module /usr/lib/apache2/modules/mod_$name.so"; done; }
modules mpm_event > /etc/httpd/conf.modules.d/00-mpm.conf
modules authz_core dir mime socache_shmcb ssl > /etc/httpd/conf.modules.d/00-base.conf
cat > /etc/httpd/conf.d/ssl.conf <<'END'
Listen 443 https
<VirtualHost _default_:443>
ErrorLog /var/log/httpd/ssl_error_log
TransferLog /var/log/httpd/ssl_access_log
SSLEngine on
SSLCertificateFile /etc/pki/tls/certs/localhost.crt
SSLCertificateKeyFile /etc/pki/tls/private/localhost.key
</VirtualHost>
END
/usr/libexec/httpd-prepare
