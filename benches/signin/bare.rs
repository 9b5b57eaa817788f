//! The floor: a hyper server that reads the body and sends a canned reply of the same size, in the same runtime.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use soapgate::soap::Version;
use tokio::net::TcpListener;

pub(crate) fn serve() -> anyhow::Result<()> {
    let reply = Bytes::from(soapgate::contract::write_accepted(Version::Soap11));
    soapgate::app::server_runtime()?.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{{\"ready\":true,\"soap\":\"http://{}\"}}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let reply = reply.clone();
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    let reply = reply.clone();
                    async move {
                        let read = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                        drop(read);
                        let mut response = Response::new(Full::new(reply));
                        response
                            .headers_mut()
                            .insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
                        Ok::<_, Infallible>(response)
                    }
                });
                // A client that goes away ends its connection with an error that says nothing.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}
