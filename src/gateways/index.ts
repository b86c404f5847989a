/** Quaich applications behind other servers: CGI. FastCGI and SCGI are spoken by `serve`. */
export { type CgiOptions, runCgi } from './cgi/run-cgi.ts';
