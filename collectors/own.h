/*
 * How mailmond knows its own connections in the log of a mail system of this host: they come from an
 * address that nobody else uses. Postfix and others log the peer's address with every association, but
 * neither its port nor its HELO name, so the address is all there is to go by. Every address of
 * 127.0.0.0/8 is this host's; 15.66 is for RFC 1566.
 */
#ifndef OWN_H
#define OWN_H

#define OWN_ADDRESS "127.15.66.1"

#endif
