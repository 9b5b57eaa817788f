// node's `soap` signs in once and prints one line; what it calls with stands in the environment (tests/toolkits/call.py).
'use strict';

const path = require('node:path');
// The package is installed into the test cache, outside the tree.
const soap = require(path.join(process.env.CALL_NODE_MODULES, 'soap'));

const env = process.env;

function readInner(text) {
  const value = (name) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  return value('result') === 'true' && value('errorsExist') !== 'true' ? 'accepted' : 'refused';
}

function faultLine(fault) {
  if (fault.faultcode !== undefined) {
    return `fault ${local(fault.faultcode)} ${text(fault.faultstring)}`;
  }
  const codes = [fault.Code.Value, fault.Code.Subcode?.Value].filter((code) => code !== undefined);
  return `fault ${codes.map(local).join('/')} ${text(fault.Reason.Text)}`;
}

function text(node) {
  return typeof node === 'object' ? node.$value : node;
}

function local(name) {
  return text(name).replace(/^.*:/, '');
}

async function call() {
  const client = await soap.createClientAsync(env.CALL_WSDL, {
    disableCache: true,
    endpoint: env.CALL_ENDPOINT,
    forceSoap12Headers: env.CALL_VERSION === '1.2',
  });
  if (env.CALL_BASIC_USER !== undefined) {
    client.setSecurity(new soap.BasicAuthSecurity(env.CALL_BASIC_USER, env.CALL_BASIC_PASSWORD));
  }
  if (env.CALL_CREDENTIAL === 'token' || env.CALL_CREDENTIAL === 'digest') {
    const passwordType = env.CALL_CREDENTIAL === 'digest' ? 'PasswordDigest' : 'PasswordText';
    client.setSecurity(new soap.WSSecurity(env.CALL_USER, env.CALL_PASSWORD, { passwordType, mustUnderstand: true }));
  }
  try {
    if (env.CALL_CONTRACT === 'alma') {
      const [reply] = await client.authenticateUserAsync({ arg0: env.CALL_USER, arg1: env.CALL_PASSWORD });
      return readInner(reply.SearchResults);
    }
    const body = { userName: env.CALL_USER, password: env.CALL_PASSWORD };
    const port = env.CALL_VERSION === '1.2' ? 'AuthenticateSoap12Port' : 'AuthenticateSoap11Port';
    const service = client.AuthenticateService[port];
    const reply = await new Promise((resolve, reject) => {
      service.authenticateUser(env.CALL_CREDENTIAL === 'body' ? body : {}, (error, result) => {
        if (error) {
          reject(error);
        } else {
          resolve(result);
        }
      });
    });
    return reply.return === true ? 'accepted' : 'refused';
  } catch (error) {
    if (error.response?.status === 401) {
      return 'http 401';
    }
    const fault = error.root?.Envelope?.Body?.Fault;
    if (fault === undefined) {
      throw error;
    }
    return faultLine(fault);
  }
}

call().then(
  (line) => console.log(line),
  (error) => {
    console.error(error.stack);
    process.exitCode = 1;
  },
);
