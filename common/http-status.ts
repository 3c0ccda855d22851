/** The HTTP status codes (RFC 9110 section 15) that the programs tell apart. */
export const HTTP_STATUS = {
  ok: 200,
  created: 201,
  badRequest: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  gone: 410,
  unprocessableContent: 422,
  internalServerError: 500,
  serviceUnavailable: 503,
} as const;
